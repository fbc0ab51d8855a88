FROM busybox
RUN --mount=type=bind,source=dir,target=/in cp /in/one /one
