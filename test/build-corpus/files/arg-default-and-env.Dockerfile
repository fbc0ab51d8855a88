FROM busybox
ARG A=1
ENV B=${A}2
ARG B=hidden
RUN echo "$A $B" > /args
