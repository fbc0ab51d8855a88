FROM busybox
RUN echo one > /f
RUN echo two >> /f
RUN chmod 600 /f
RUN chown 9:9 /f
