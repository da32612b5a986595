# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
# The three programs. What they share is an archive, from which a program takes
# only the objects that it names: so each links no library but its own.

noinst_LTLIBRARIES += %D%/libtotputils.la
%C%_libtotputils_la_SOURCES = \
	%D%/csv.c %D%/csv.h \
	%D%/exit_codes.h \
	%D%/doctor_kinds.c \
	%D%/doctor_pam.c %D%/doctor_pam.h \
	%D%/doctor_sshd.h \
	%D%/doctor_sshd_parse.c \
	%D%/doctor_stack.c \
	%D%/doctor_unit.c %D%/doctor_unit.h \
	%D%/import.c %D%/import.h \
	%D%/import_google.c \
	%D%/import_oath.c \
	%D%/import_uri.c \
	%D%/json.c %D%/json.h \
	%D%/key_text.c %D%/key_text.h \
	pam_totp/login_line.c pam_totp/login_line.h \
	%D%/notify.c %D%/notify.h \
	%D%/member.c %D%/member.h \
	%D%/otpauth.c %D%/otpauth.h \
	%D%/phrases.c %D%/phrases.h \
	pam_totp/protocol.c pam_totp/protocol.h \
	%D%/qr.c %D%/qr.h \
	pam_totp/qr_encode.c \
	pam_totp/qr_text.c pam_totp/qr_text.h \
	%D%/secret_input.c %D%/secret_input.h \
	%D%/session_table.c %D%/session_table.h \
	%D%/table.c %D%/table.h \
	%D%/text.c %D%/text.h \
	%D%/ui.c %D%/ui.h \
	%D%/ui_ask.c
%C%_libtotputils_la_CPPFLAGS = $(project_cppflags)
%C%_libtotputils_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(QRENCODE_CFLAGS) \
	$(PNG_CFLAGS) $(SMARTCOLS_CFLAGS)

bin_PROGRAMS += %D%/totp-enroll
%C%_totp_enroll_SOURCES = \
	%D%/enroll.h \
	%D%/enroll_codes.c \
	%D%/enroll_devices.c \
	%D%/enroll_helper.c \
	%D%/enroll_list.c \
	%D%/enroll_output.c \
	%D%/enroll_recovery.c \
	%D%/enroll_session.c \
	%D%/enroll_sessions.c \
	%D%/enroll_show.c \
	%D%/enroll_wizard.c %D%/enroll_wizard.h \
	%D%/totp-enroll.c
%C%_totp_enroll_CPPFLAGS = $(project_cppflags)
%C%_totp_enroll_CFLAGS = $(AM_CFLAGS) $(PROGRAM_CFLAGS)
%C%_totp_enroll_LDFLAGS = $(AM_LDFLAGS) $(PROGRAM_LDFLAGS)
%C%_totp_enroll_LDADD = %D%/libtotputils.la pam_totp/libtotpcore.la \
	$(QRENCODE_LIBS) $(PNG_LIBS) $(SMARTCOLS_LIBS) $(CRYPTO_LIBS)

helper_PROGRAMS += %D%/totp-helper
%C%_totp_helper_SOURCES = \
	%D%/helper.h \
	%D%/helper_add.c %D%/helper_add.h \
	%D%/helper_add_steps.c \
	%D%/helper_change.c %D%/helper_change.h \
	%D%/helper_codes.c \
	%D%/helper_devices.c \
	%D%/helper_guard.c \
	%D%/helper_login.c \
	%D%/helper_notify.c \
	%D%/helper_ops.c \
	%D%/helper_pair.c \
	%D%/helper_pam.c \
	%D%/helper_proof.c \
	%D%/helper_sessions.c \
	%D%/helper_slot.c \
	%D%/helper_talk.c \
	%D%/totp-helper.c
%C%_totp_helper_CPPFLAGS = $(project_cppflags)
%C%_totp_helper_CFLAGS = $(AM_CFLAGS) $(PROGRAM_CFLAGS)
%C%_totp_helper_LDFLAGS = $(AM_LDFLAGS) $(PROGRAM_LDFLAGS)
%C%_totp_helper_LDADD = %D%/libtotputils.la pam_totp/libtotpcore.la \
	$(PAM_LIBS) $(CRYPTO_LIBS)

sbin_PROGRAMS += %D%/totp-admin
%C%_totp_admin_SOURCES = \
	%D%/account_facts.c %D%/account_facts.h \
	%D%/accounts.c %D%/accounts.h \
	%D%/admin.c %D%/admin.h \
	%D%/admin_add.c \
	%D%/admin_args.c \
	%D%/admin_codes.c \
	%D%/admin_delete.c \
	%D%/admin_device.c \
	%D%/admin_disable.c \
	%D%/admin_doctor.c \
	%D%/doctor.c %D%/doctor.h \
	%D%/doctor_confine.c \
	%D%/doctor_explain.c \
	%D%/doctor_parts.h \
	%D%/doctor_service.c \
	%D%/doctor_sshd.c \
	%D%/doctor_store.c \
	%D%/doctor_sudo.c \
	%D%/doctor_system.c \
	%D%/admin_exempt.c \
	%D%/admin_import.c %D%/admin_import.h \
	%D%/admin_import_check.c \
	%D%/admin_import_input.c \
	%D%/admin_list.c \
	%D%/admin_once.c \
	%D%/admin_report.c \
	%D%/admin_reset.c \
	%D%/admin_rotate.c \
	%D%/admin_say.c \
	%D%/admin_sessions.c \
	%D%/admin_show.c %D%/admin_show.h \
	%D%/admin_show_json.c \
	%D%/admin_status.c \
	%D%/admin_unlock.c \
	%D%/admin_verify.c \
	%D%/totp-admin.c
%C%_totp_admin_CPPFLAGS = $(project_cppflags)
%C%_totp_admin_CFLAGS = $(AM_CFLAGS) $(PROGRAM_CFLAGS)
%C%_totp_admin_LDFLAGS = $(AM_LDFLAGS) $(PROGRAM_LDFLAGS)
%C%_totp_admin_LDADD = %D%/libtotputils.la pam_totp/libtotpcore.la \
	$(SMARTCOLS_LIBS) $(CRYPTO_LIBS) -ldl

dist_man_MANS += %D%/totp-enroll.1 %D%/totp-admin.8 %D%/totp-helper.8
