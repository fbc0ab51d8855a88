FROM busybox
ENV P=8080
EXPOSE $P ${P}/udp
