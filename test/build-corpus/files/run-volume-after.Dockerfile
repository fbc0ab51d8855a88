FROM busybox
RUN mkdir /v && echo kept > /v/f
VOLUME /v
