FROM busybox
ARG NAME=a
ENV TO=/to
COPY ${NAME}.txt $TO/
