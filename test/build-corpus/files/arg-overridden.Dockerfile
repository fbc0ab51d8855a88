# flags: --build-arg A=given
FROM busybox
ARG A=default
ENV KEPT=$A
