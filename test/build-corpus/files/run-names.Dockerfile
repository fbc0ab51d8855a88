FROM busybox
RUN touch "/with space" "/ünï" "$(printf '/new\nline')" /-dash "/quote's"
