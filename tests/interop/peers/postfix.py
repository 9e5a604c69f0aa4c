"""Postfix, from Debian, in its root."""

from .root import VMAIL, Root, free_ports

# The ways it relays to us: master.cf's client program and its settings.
ROUTES = {
    "smtp": ("smtp", "smtp_tls_security_level=none"),
    "starttls": ("smtp", "smtp_tls_security_level=verify"),
    "implicit": ("smtp", "smtp_tls_wrappermode=yes smtp_tls_security_level=verify"),
    "lmtp": ("lmtp", "lmtp_tls_security_level=none"),
    "lmtp-starttls": ("lmtp", "lmtp_tls_security_level=verify"),
    "auth-plain": ("smtp", "smtp_tls_security_level=verify smtp_sasl_auth_enable=yes"
                           " smtp_sasl_mechanism_filter=plain smtp_sasl_security_options="),
    "auth-login": ("smtp", "smtp_tls_security_level=verify smtp_sasl_auth_enable=yes"
                           " smtp_sasl_mechanism_filter=login smtp_sasl_security_options="),
    "auth-scram-sha-256": ("smtp", "smtp_tls_security_level=none smtp_sasl_auth_enable=yes"
                           " smtp_sasl_mechanism_filter=scram-sha-256 smtp_sasl_security_options="),
    "no-pipelining": ("smtp", "smtp_tls_security_level=none smtp_discard_ehlo_keywords=pipelining,size"),
}  # fmt: skip

MAIN = """compatibility_level = 3.7
myhostname = mx.theirs.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
maillog_file = /var/log/postfix.log
queue_directory = /var/spool/postfix
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
data_directory = /var/lib/postfix
import_environment = LC_ALL=C
smtp_dns_support_level = disabled
smtp_host_lookup = native
lmtp_dns_support_level = disabled
lmtp_host_lookup = native
smtputf8_enable = yes
alias_maps =
alias_database =
# Leave messages as they are.
message_drop_headers =
local_header_rewrite_clients =
disable_mime_output_conversion = yes
smtp_line_length_limit = 0
lmtp_line_length_limit = 0
line_length_limit = 4194304
header_size_limit = 4194304
hopcount_limit = 1000
message_size_limit = 20000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
recipient_delimiter = +
# Be quick.
in_flow_delay = 0
default_destination_rate_delay = 0
default_destination_concurrency_limit = 4
minimal_backoff_time = 300s
smtp_connection_cache_on_demand = yes
smtpd_client_connection_count_limit = 0
# Ours.
relay_domains = {domains}
relay_recipient_maps =
transport_maps = inline:{{ {transports} }}
smtp_tls_CAfile = /etc/ssl/ca.pem
lmtp_tls_CAfile = /etc/ssl/ca.pem
smtp_tls_verify_cert_match = nexthop
lmtp_tls_verify_cert_match = nexthop
smtp_sasl_password_maps = inline:{{ {passwords} }}
smtp_sasl_path = /etc/postfix/client
# Theirs.
virtual_mailbox_domains = theirs.test
virtual_mailbox_base = /var/vmail
virtual_mailbox_maps = inline:{{ u@theirs.test=u/ größe@theirs.test=u/ grösse@theirs.test=u/ grey@theirs.test=u/ report@theirs.test=report/ }}
virtual_minimum_uid = 1
virtual_uid_maps = static:{vmail}
virtual_gid_maps = static:{vmail}
smtpd_tls_cert_file = /etc/ssl/cert.pem
smtpd_tls_key_file = /etc/ssl/key.pem
smtpd_tls_security_level = may
smtpd_sasl_path = smtpd
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ grey@theirs.test = 450 4.2.0 Greylisted, try again later }} }}
"""

MASTER = """{plain} inet n - n - - smtpd
{implicit} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
{submission} inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
{small} inet n - n - - smtpd -o message_size_limit=5000 -o smtpd_recipient_limit=3
{inject} inet n - n - - smtpd -o smtpd_relay_restrictions=permit_mynetworks,reject
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    name, title = "postfix", "Postfix"
    routes = list(ROUTES)
    # By its sendmail command it takes mail with the line ends of Unix.
    sendmail = ("/usr/sbin/sendmail", "-i")

    def __init__(self, pki):
        self.root = Root(self.name)
        self.pki = pki
        names = ("plain", "implicit", "submission", "small", "inject")
        self.ports = dict(zip(names, free_ports(len(names))))

    def start(self, targets, password):
        """`targets`: for each route its domain, and the port that it goes to."""
        root = self.root
        hop = {route: f"[localhost]:{port}" for route, (_, port) in targets.items()}
        transports = [f"{{ {domain} = r-{route}:{hop[route]} }}" for route, (domain, _) in targets.items()]
        passwords = [f"{{ {hop[r]} = u@{d}:{password} }}" for r, (d, _) in targets.items() if "auth" in r]
        text = MAIN.format(
            domains=" ".join(domain for domain, _ in targets.values()), vmail=VMAIL,
            transports=" ".join(transports), passwords=" ".join(passwords),
        )  # fmt: skip
        root.write("etc/postfix/main.cf", text)
        master = MASTER.format(**self.ports)
        for route, (program, settings) in ROUTES.items():
            options = " ".join(f"-o {{ {each.replace('=', ' = ', 1)} }}" for each in settings.split(" "))
            master += f"r-{route} unix - - n - - {program} {options}\n"
        root.write("etc/postfix/master.cf", master)
        self.pki.into(root)
        root.sasl("smtpd", "u", password)
        spool = "var/spool/postfix"
        root.folder(spool, fresh=True)
        for queue in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
                      "saved", "trace"):  # fmt: skip
            root.folder(f"{spool}/{queue}", owner="postfix", mode=0o700)
        root.folder(f"{spool}/maildrop", owner="postfix", group="postdrop", mode=0o1730)
        root.folder(f"{spool}/public", owner="postfix", group="postdrop", mode=0o710)
        root.folder(f"{spool}/pid")
        root.folder("var/lib/postfix", owner="postfix", mode=0o700, fresh=True)
        (root.path / "var/log/postfix.log").unlink(missing_ok=True)
        # What the package makes when it is installed: one program, which looks at its name.
        lmtp = root.path / "usr/lib/postfix/sbin/lmtp"
        if not lmtp.exists():
            lmtp.symlink_to("smtp")
        root.start("/usr/lib/postfix/sbin/master", "-d", environment={"MAIL_CONFIG": "/etc/postfix"}.items())
        root.wait_for(self.ports["plain"])

    mailbox = "var/vmail/u"
    reports = "var/vmail/report"
    user = "u@mx.theirs.test"
    utf8 = dsn = True
    bdat = True
    mechanisms = ("PLAIN", "LOGIN", "SCRAM-SHA-256")
    signed_under_tls = ("auth-plain", "auth-login")
    we_use = ("PIPELINING", "SIZE", "BODY=8BITMIME", "SMTPUTF8", "BDAT", "DATA", "NOTIFY", "ORCPT", "RET", "ENVID",
              "STARTTLS")  # fmt: skip
    report = (
        ("ENVID is in the report", rb"^Original-Envelope-Id: QQ 31\+4|^Original-Envelope-Id: QQ\+2031\+2B4"),
        ("ORCPT is in the report", rb"^Original-Recipient: rfc822; ?first(\+2B|\+)one@elsewhere\.test"),
        ("the report says that it was delivered", rb"^Action: (delivered|relayed)"),
        ("RET=HDRS brings the header alone", rb"^Content-Type: text/rfc822-headers(?![\s\S]*the whole text)"),
    )

    @staticmethod
    def uses(way):
        """What its client must use on this way, as far as it can be seen before TLS."""
        plain = ("SIZE", "PIPELINING", "DATA", "BODY=8BITMIME", "SMTPUTF8")
        return {
            "smtp": plain,
            "lmtp": (*plain, "LMTP"),
            "no-pipelining": ("DATA", "BODY=8BITMIME", "SMTPUTF8"),
            "starttls": ("STARTTLS",),
            "lmtp-starttls": ("STARTTLS", "LMTP"),
            "auth-scram-sha-256": ("AUTH SCRAM-SHA-256", "PIPELINING"),
        }.get(way, ())
