# The programs of Kubernetes' own pods, under every name that the pods call, with
# what kube-proxy calls in turn. There is nothing else in it, since each pod that
# starts on a new node first unpacks its image, the first ones all at once.
FROM dlr-bootstrap/debian AS files
LABEL dlr-bootstrap=stage
RUN mkdir -p /files/usr/local/bin \
 && programs='/usr/sbin/xtables-nft-multi /usr/sbin/xtables-legacy-multi /usr/sbin/conntrack' \
 && extensions=$(find /usr/lib -type d -name xtables) \
 && cp --archive --parents /usr/sbin/*tables* /etc/alternatives/*tables* $programs $extensions /files/ \
 && ldd $programs $extensions/*.so | grep -o '/lib[^ :]*' | grep -v /xtables/ | sort -u | xargs cp --dereference --parents -t /files \
 && for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubectl; do \
      ln -s hyperkube /files/usr/local/bin/$name; done
FROM scratch
COPY --from=files /files /
COPY hyperkube /usr/local/bin/
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
