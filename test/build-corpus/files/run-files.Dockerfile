FROM busybox
RUN mkdir -p /d/e && echo x > /d/e/f && chmod 640 /d/e/f && chown 5:6 /d && ln -s e /d/l
