FROM busybox
ADD archives /kept/
