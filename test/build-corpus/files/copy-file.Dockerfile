FROM busybox
COPY a.txt /
COPY a.txt /renamed
COPY a.txt /new/dir/
COPY a.txt relative
