"""OpenSMTPD, from Debian, in its root."""

import os

from .root import USERS, VMAIL, Root, free_ports

# The ways it relays to us.
ROUTES = {
    "smtp": "relay host smtp+notls://localhost:{port}",
    "starttls": "relay host smtp+tls://localhost:{port} tls ca ours",
    "implicit": "relay host smtps://localhost:{port} tls ca ours",
    "lmtp": "relay host lmtp://localhost:{port}",
    "auth": "relay host smtp+tls://u@localhost:{port} auth <secrets> tls ca ours",
}

CONFIG = """pki theirs cert "/etc/ssl/cert.pem"
pki theirs key "/etc/ssl/key.pem"
ca ours cert "/etc/ssl/ca.pem"
smtp max-message-size "20M"
smtp limit max-rcpt 1000
smtp limit max-mails 10000
table users {{ "u" = "{vmail}:{vmail}:/var/vmail/u", "report" = "{vmail}:{vmail}:/var/vmail/report" }}
table creds file:/etc/creds
table secrets file:/etc/secrets
listen on 127.0.0.1 port {plain} tls pki theirs hostname mx.theirs.test
listen on 127.0.0.1 port {implicit} smtps pki theirs hostname mx.theirs.test
listen on 127.0.0.1 port {submission} tls pki theirs auth <creds> hostname mx.theirs.test
listen on 127.0.0.1 port {inject} hostname mx.theirs.test tag INJECT
listen on socket
action "in" maildir "%{{user.directory}}" userbase <users>
{actions}
{matches}
match from any for domain "theirs.test" action "in"
"""


class OpenSmtpd:
    name, title = "opensmtpd", "OpenSMTPD"
    routes = list(ROUTES)
    sendmail = ("/usr/sbin/sendmail", "-i")

    def __init__(self, pki):
        self.root = Root(self.name)
        self.pki = pki
        names = ("plain", "implicit", "submission", "inject")
        self.ports = dict(zip(names, free_ports(len(names))))

    def start(self, targets, password):
        root = self.root
        actions = matches = secrets = ""
        for route, (domain, port) in targets.items():
            actions += f"action \"{route}\" {ROUTES[route].format(port=port)}\n"
            matches += f"match from any for domain \"{domain}\" action \"{route}\"\n"
            if "auth" in route:
                secrets += f"u u@{domain}:{password}\n"
        text = CONFIG.format(actions=actions, matches=matches, vmail=VMAIL, **self.ports)
        root.write("etc/smtpd.conf", text, mode=0o600)
        root.write("etc/secrets", secrets, mode=0o640, owner="opensmtpd")
        self.pki.into(root)
        # It does not start without the world's authorities.
        root.copy(self.pki.ca, "etc/ssl/certs/ca-certificates.crt")
        root.folder("var/lib/opensmtpd/empty")
        root.folder("var/empty")
        root.folder("var/spool/smtpd", mode=0o711, fresh=True)
        if not (root.path / "usr/sbin/sendmail").exists():
            (root.path / "usr/sbin/sendmail").symlink_to("smtpctl")
        # What Debian's package says when it is installed.
        os.chown(root.path / "usr/sbin/smtpctl", 0, USERS["opensmtpq"])
        os.chmod(root.path / "usr/sbin/smtpctl", 0o2555)
        crypted = root.run("/usr/sbin/smtpctl", "encrypt", password).stdout.decode().strip()
        root.write("etc/creds", f"u {crypted}\n", mode=0o640, owner="opensmtpd")
        (root.path / "var/log/stdout").unlink(missing_ok=True)
        root.start("/usr/sbin/smtpd", "-d", "-v")
        root.wait_for(self.ports["plain"])

    mailbox = "var/vmail/u"
    reports = "var/vmail/report"
    user = "u"
    utf8, dsn = False, True
    bdat = False
    mechanisms = ("PLAIN", "LOGIN")
    signed_under_tls = ("auth",)
    we_use = ("SIZE", "BODY=8BITMIME", "DATA", "NOTIFY", "ORCPT", "RET", "ENVID", "STARTTLS")
    report = (
        ("the report says that it was delivered", rb"^Action: (delivered|relayed)"),
        ("RET=HDRS brings the header alone", rb"^Subject: dsn(?![\s\S]*the whole text)"),
        ("its reports have neither ENVID nor ORCPT", rb"\A(?![\s\S]*\nOriginal-)"),
    )

    @staticmethod
    def uses(way):
        """What its client must use on this way, as far as it can be seen before TLS."""
        return {
            "smtp": ("DATA",),
            "lmtp": ("DATA", "LMTP"),
            "starttls": ("STARTTLS",),
        }.get(way, ())
