FROM busybox
HEALTHCHECK CMD ["/bin/true", "x"]
