FROM busybox
COPY exec.sh priv /m/
COPY sticky /m/sticky/
