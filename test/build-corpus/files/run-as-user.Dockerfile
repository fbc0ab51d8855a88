FROM busybox
RUN mkdir -m 777 /open
USER 1000:1001
RUN id -u > /open/id && umask > /open/umask
