FROM busybox
ADD a.txt dir /p/
ADD --chown=4:5 b.txt /b
