#!/bin/sh
# Makes ca.pem, and signs with it server.pem for this machine and cert.pem for a client, with keys.
set -eu

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca-key.pem -out ca.pem -subj /CN=ca

# signed NAME KEY EXTENSION...
signed() {
    name=$1 key=$2
    shift 2
    openssl req -newkey rsa:2048 -nodes -keyout "$key" -out "$name.csr" -subj "/CN=$name"
    printf '%s\n' "$@" >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 \
        -extfile "$name.ext" -out "$name.pem"
}

signed server server-key.pem subjectAltName=DNS:localhost,IP:127.0.0.1 extendedKeyUsage=serverAuth
signed cert key.pem extendedKeyUsage=clientAuth
