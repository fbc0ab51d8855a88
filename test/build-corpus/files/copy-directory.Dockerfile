FROM busybox
COPY dir /to
COPY dir/ /to2/
COPY dir/. /to3
