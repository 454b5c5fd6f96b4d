# shellcheck shell=bash
# What both ways to a registry by hand share: NAME NODE-IMAGE PORT KUBECONFIG REGISTRY-IMAGE MANIFESTS
# shellcheck disable=SC2034 # each of the two uses its part
name=$1 image=$2 port=$3 kubeconfig=$4 registry=$5 manifests=$6

kubectl() { command kubectl --kubeconfig="$kubeconfig" "$@"; }

wire() { # ADDRESS: where the name that people use leads to, from every node
  local node folder="/etc/containerd/certs.d/localhost:$port"
  for node in $(kind get nodes --name="$name"); do
    docker exec "$node" mkdir -p "$folder"
    printf '[host."http://%s"]\n' "$1" | docker exec -i "$node" cp /dev/stdin "$folder/hosts.toml"
  done
}

publish() {
  kubectl create configmap local-registry-hosting --namespace=kube-public \
    --from-literal=localRegistryHosting.v1="host: localhost:$port"
}

await() {
  until curl --fail --silent --output /dev/null "http://localhost:$port/v2/"; do sleep 0.1; done
}
