FROM busybox
RUN mkfifo /fifo && chmod 4755 /bin/busybox && mkdir -m 1777 /sticky && mkdir -m 2775 /setgid
