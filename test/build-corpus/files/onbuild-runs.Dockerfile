FROM busybox AS parent
RUN touch /parent
FROM parent
ENV X=1
RUN echo $X > /x
