FROM busybox AS one
RUN mkdir -m 750 /d && echo x > /d/f && chown -R 3:4 /d && ln -s f /d/l
FROM busybox
COPY --from=one /d /to
COPY --from=0 /d/f /f
