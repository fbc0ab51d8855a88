FROM busybox
RUN ["/bin/sh", "-c", "echo $0 > /zero", "a b"]
