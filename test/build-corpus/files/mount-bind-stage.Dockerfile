FROM busybox AS one
RUN echo x > /x
FROM busybox
RUN --mount=type=bind,from=one,source=/,target=/in cp /in/x /y
