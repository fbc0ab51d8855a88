FROM busybox
RUN mkdir -m 700 /there && chown 3:4 /there
WORKDIR /there
