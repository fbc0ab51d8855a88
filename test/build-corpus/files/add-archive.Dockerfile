FROM busybox
ADD archive.tar /un/
ADD archive.tar.gz /ungz/
