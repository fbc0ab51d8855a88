FROM busybox
ENV A="x y"
WORKDIR /w
RUN printf "%s\n" "$A" "$PWD" "$PATH" > out
