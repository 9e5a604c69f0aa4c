"""A certificate authority for one run, and a certificate for localhost."""

import subprocess


class Pki:
    """`ca` vouches for `certificate`, whose key is `key`. `stranger` vouches for nothing here."""

    def __init__(self, folder):
        self.ca, self.certificate, self.key = (folder / name for name in ("ca.pem", "cert.pem", "key.pem"))
        self.stranger = folder / "stranger.pem"
        ca_key, request, names = folder / "ca.key", folder / "request.pem", folder / "names"
        names.write_text("subjectAltName=DNS:localhost,DNS:mx.theirs.test,DNS:mx.ours.test,IP:127.0.0.1\n")
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for file, key in ((self.ca, ca_key), (self.stranger, folder / "stranger.key")):
            self.openssl("req", "-x509", *curve, "-keyout", key, "-out", file, "-days", "2",
                         "-subj", f"/CN=Test authority {file.stem}")  # fmt: skip
        self.openssl("req", *curve, "-keyout", self.key, "-out", request, "-subj", "/CN=localhost")
        self.openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial",
                     "-days", "2", "-extfile", names, "-out", self.certificate)  # fmt: skip

    @staticmethod
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def into(self, root, owner="root"):
        """Lays them where a server in its root finds them."""
        root.copy(self.ca, "etc/ssl/ca.pem")
        root.copy(self.certificate, "etc/ssl/cert.pem")
        root.copy(self.key, "etc/ssl/key.pem", mode=0o600, owner=owner)
