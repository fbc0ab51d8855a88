FROM busybox
ARG V=7
ENV W=8
LABEL v=$V w=${W} "x$V"=y
