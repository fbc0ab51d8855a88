FROM busybox
ENV D=/deep/er
WORKDIR $D/x
RUN pwd > where
