"""Other mail servers, run beside ours.

module        holds
root          Debian's packages, unpacked each into a folder of its own; programs run in there
pki           a certificate authority for one run
tap           a relay that writes down what both sides say, and which extensions they use
mail          the messages, the trace fields of each server, what each server changes by its own design
ours          our server and our client
postfix, exim, opensmtpd, dovecot
              one server each: its settings, how mail gets in, where mail ends up
"""
