FROM busybox
RUN for a in 1 2 3; do for b in 1 2 3; do mkdir -p /t/$a/$b && echo $a$b > /t/$a/$b/f; done; done
RUN rm -r /t/2 && mv /t/1 /t/moved
