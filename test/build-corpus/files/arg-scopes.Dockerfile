# flags: --build-arg GLOBAL=g --build-arg LOCAL=l
ARG GLOBAL=x
ARG BASE=busybox
FROM $BASE
ARG GLOBAL
ARG LOCAL=y
ARG UNSET
RUN echo "$GLOBAL $LOCAL [$UNSET] [$BASE]" > /args
