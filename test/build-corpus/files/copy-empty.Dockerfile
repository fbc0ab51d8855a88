FROM busybox
COPY empty /e
COPY empty-file /
