FROM busybox
RUN mkdir -m 700 -p /un/sub && echo old > /un/sub/x
ADD archive.tar /un/
