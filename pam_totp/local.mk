# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
# The module, and the core that it shares with the programs and the tests.

noinst_LTLIBRARIES += %D%/libtotpcore.la
%C%_libtotpcore_la_SOURCES = \
	%D%/core/attempt.c %D%/core/attempt.h \
	%D%/core/verify.c %D%/core/verify.h \
	%D%/core/bytes.c %D%/core/bytes.h \
	%D%/core/config.c %D%/core/config.h \
	%D%/core/config_keys.c %D%/core/config_keys.h \
	%D%/core/date.c %D%/core/date.h \
	%D%/core/devices.c %D%/core/devices.h \
	%D%/core/devices_rotate.c %D%/core/devices_rotate.h \
	%D%/core/diag.c %D%/core/diag.h \
	%D%/core/encode.c %D%/core/encode.h \
	%D%/core/enrolment.c %D%/core/enrolment.h \
	%D%/core/enrolment_pair.c \
	%D%/core/enrolment_parts.h \
	%D%/core/grace.c %D%/core/grace.h \
	%D%/core/otp.c %D%/core/otp.h \
	%D%/core/otpauth.c %D%/core/otpauth.h \
	%D%/core/phrase.c %D%/core/phrase.h \
	%D%/core/policy.c %D%/core/policy.h \
	%D%/core/record.c %D%/core/record.h \
	%D%/core/record_keys.c %D%/core/record_keys.h \
	%D%/core/record_rules.c \
	%D%/core/record_text.c \
	%D%/core/recovery.c %D%/core/recovery.h \
	%D%/core/safefile.c %D%/core/safefile.h \
	%D%/core/safefile_write.c \
	%D%/core/session.c %D%/core/session.h \
	%D%/core/session_text.c \
	%D%/core/state.c %D%/core/state.h \
	%D%/core/state_merge.c \
	%D%/core/store.c %D%/core/store.h \
	%D%/core/store_file.c %D%/core/store_file.h \
	%D%/core/store_file_fallback.c %D%/core/store_file_fallback.h \
	%D%/core/store_file_places.c %D%/core/store_file_places.h \
	%D%/core/store_file_state.c %D%/core/store_file_state.h \
	%D%/core/text.c %D%/core/text.h \
	%D%/core/throttle.c %D%/core/throttle.h
%C%_libtotpcore_la_CPPFLAGS = $(project_cppflags)
%C%_libtotpcore_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)

pam_LTLIBRARIES += %D%/pam_totp.la
%C%_pam_totp_la_SOURCES = \
	%D%/account.c \
	%D%/by_helper.c %D%/by_helper.h \
	%D%/enrolled.h \
	%D%/export.c \
	%D%/host.c %D%/host.h \
	%D%/login.c %D%/login.h \
	%D%/login_line.c %D%/login_line.h \
	%D%/mfa_session.c %D%/mfa_session.h \
	%D%/pam_totp.c \
	%D%/place.c %D%/place.h \
	%D%/protocol.c %D%/protocol.h \
	%D%/report.c %D%/report.h \
	%D%/trial.c %D%/trial.h
%C%_pam_totp_la_CPPFLAGS = $(project_cppflags)
%C%_pam_totp_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
%C%_pam_totp_la_LDFLAGS = $(AM_LDFLAGS) $(MODULE_LDFLAGS) $(STAY_LDFLAGS) \
	-module -avoid-version -shared \
	-Wl,--version-script=$(srcdir)/%D%/pam_totp.map
%C%_pam_totp_la_LIBADD = %D%/libtotpcore.la $(PAM_LIBS) $(CRYPTO_LIBS)
EXTRA_%C%_pam_totp_la_DEPENDENCIES = %D%/pam_totp.map
EXTRA_DIST += %D%/pam_totp.map

# The second module: enrolment inside the login.
pam_LTLIBRARIES += %D%/pam_totp_enroll.la
%C%_pam_totp_enroll_la_SOURCES = \
	%D%/by_helper.c %D%/by_helper.h \
	%D%/enroll_login.h \
	%D%/enroll_report.c \
	%D%/enroll_rotate.c \
	%D%/enroll_talk.c \
	%D%/enroll_write.c \
	%D%/enrolled.h \
	%D%/host.c %D%/host.h \
	%D%/login_line.c %D%/login_line.h \
	%D%/pam_totp_enroll.c \
	%D%/protocol.c %D%/protocol.h \
	%D%/qr_encode.c \
	%D%/qr_text.c %D%/qr_text.h \
	%D%/report.c %D%/report.h \
	%D%/trial.c %D%/trial.h
%C%_pam_totp_enroll_la_CPPFLAGS = $(project_cppflags)
%C%_pam_totp_enroll_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(QRENCODE_CFLAGS)
%C%_pam_totp_enroll_la_LDFLAGS = $(AM_LDFLAGS) $(MODULE_LDFLAGS) \
	-module -avoid-version -shared \
	-Wl,--version-script=$(srcdir)/%D%/pam_totp.map
%C%_pam_totp_enroll_la_LIBADD = %D%/libtotpcore.la $(PAM_LIBS) $(QRENCODE_LIBS) \
	$(CRYPTO_LIBS)
EXTRA_%C%_pam_totp_enroll_la_DEPENDENCIES = %D%/pam_totp.map

dist_man_MANS += %D%/pam_totp.8 %D%/pam_totp.conf.5 %D%/pam_totp_enroll.8
