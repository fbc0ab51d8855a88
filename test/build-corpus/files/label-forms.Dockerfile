FROM busybox
LABEL a=1 "b c"="d e" f="line \
  goes on"
LABEL a=2
