FROM busybox AS base
RUN echo base > /base
FROM base AS left
RUN echo left > /left
FROM base AS right
RUN echo right > /right
FROM busybox
COPY --from=left /left /base /l/
COPY --from=right /right /r
