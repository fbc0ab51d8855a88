FROM scratch
ENV A=b
CMD ["/x"]
