FROM busybox
COPY ["with space/x y", "/with space/"]
