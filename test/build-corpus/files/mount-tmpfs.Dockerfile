FROM busybox
RUN --mount=type=tmpfs,target=/t touch /t/x && ls /t > /listed
