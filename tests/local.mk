# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
#
# Every test prints TAP and runs under automake's TAP driver, which counts a
# crash, a missing plan and a plan that is not kept as errors. A suite is a
# variable; `make check-unit` and so on run one, `make check` runs all. A test
# that needs root, a tool or a terminal skips itself and says so.

AM_TESTS_ENVIRONMENT = \
	CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	VECTORS_DIR='$(abs_top_srcdir)/tests/vectors'; export VECTORS_DIR; \
	STAGE='$(abs_top_builddir)/stage'; export STAGE; \
	FAULTS='$(FAULTS)'; export FAULTS; \
	CC='$(CC)'; export CC; \
	$(SANITIZER_ENVIRONMENT)

if SANITIZERS
SANITIZER_ENVIRONMENT = \
	SANITIZERS=yes; export SANITIZERS; \
	ASAN_OPTIONS=$${ASAN_OPTIONS-detect_stack_use_after_return=1:strict_string_checks=1}; \
	UBSAN_OPTIONS=$${UBSAN_OPTIONS-print_stacktrace=1}; \
	export ASAN_OPTIONS UBSAN_OPTIONS;
endif

TEST_EXTENSIONS = .sh .py
tap_driver = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(tap_driver)
LOG_COMPILER = $(BASH_PROGRAM) $(top_srcdir)/%D%/support/cmocka.sh
SH_LOG_DRIVER = $(tap_driver)
PY_LOG_DRIVER = $(tap_driver)
SH_LOG_COMPILER = $(BASH_PROGRAM)
PY_LOG_COMPILER = /usr/bin/python3

# What is seen by tests only; the product's own targets have flags of their own.
AM_CPPFLAGS = $(project_cppflags) -I$(top_srcdir)/%D% \
	-DVECTORS_DIR='"$(abs_top_srcdir)/%D%/vectors"'

# --- source: rules that the sources and the built files keep --------------------

source_tests = %D%/structure.sh %D%/exports.sh %D%/lint.sh %D%/analyse.sh

# --- unit: core and the shared parts of the programs, one binary a file ---------

unit_programs = \
	%D%/unit/test_attempt \
	%D%/unit/test_attempt_bypass \
	%D%/unit/test_attempt_file \
	%D%/unit/test_attempt_loss \
	%D%/unit/test_attempt_tell \
	%D%/unit/test_bytes \
	%D%/unit/test_config \
	%D%/unit/test_config_keys \
	%D%/unit/test_config_load \
	%D%/unit/test_csv \
	%D%/unit/test_date \
	%D%/unit/test_devices \
	%D%/unit/test_devices_rotate \
	%D%/unit/test_diag \
	%D%/unit/test_doctor_pam \
	%D%/unit/test_doctor_unit \
	%D%/unit/test_encode \
	%D%/unit/test_enrolment \
	%D%/unit/test_grace \
	%D%/unit/test_import \
	%D%/unit/test_json \
	%D%/unit/test_login_line \
	%D%/unit/test_otp \
	%D%/unit/test_otpauth \
	%D%/unit/test_policy \
	%D%/unit/test_protocol \
	%D%/unit/test_qr \
	%D%/unit/test_record \
	%D%/unit/test_record_text \
	%D%/unit/test_recovery \
	%D%/unit/test_safefile \
	%D%/unit/test_session \
	%D%/unit/test_session_match \
	%D%/unit/test_state \
	%D%/unit/test_state_merge \
	%D%/unit/test_store \
	%D%/unit/test_store_fallback \
	%D%/unit/test_store_file \
	%D%/unit/test_store_lost \
	%D%/unit/test_table \
	%D%/unit/test_ui
unit_tests = $(unit_programs) %D%/unit/man_keys.sh

# What tests share; each takes from it what it names, as from the two archives
# of the product, which are the very objects that ship.
check_LTLIBRARIES += %D%/support/libtests.la
%C%_support_libtests_la_SOURCES = \
	%D%/support/attempt_fixture.c %D%/support/attempt_fixture.h \
	%D%/support/config_text.c %D%/support/config_text.h \
	%D%/support/random.c %D%/support/random.h \
	%D%/support/record_sample.c %D%/support/record_sample.h \
	%D%/support/store_memory.c %D%/support/store_memory.h \
	%D%/support/store_sample.c %D%/support/store_sample.h \
	%D%/support/vectors.c %D%/support/vectors.h
%C%_support_libtests_la_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)

check_PROGRAMS += $(unit_programs) %D%/unit/print_keys

# Without _LDADD or _SOURCES of its own a program is its one .c file and these.
AM_DEFAULT_SOURCE_EXT = .c
LDADD = %D%/support/libtests.la utils/libtotputils.la pam_totp/libtotpcore.la \
	$(CMOCKA_LIBS) $(PAM_LIBS) $(CRYPTO_LIBS) \
	$(QRENCODE_LIBS) $(PNG_LIBS) $(SMARTCOLS_LIBS)

EXTRA_DIST += %D%/vectors \
	$(source_tests) %D%/unit/man_keys.sh \
	%D%/CLAUSES.md

# --- module: the shipped .so under libpam ----------------------------------------

# pam_world.c stands in for functions of the C library, so it is kept from all
# other tests, and these programs export their names to what they load.
check_LTLIBRARIES += %D%/support/libpamtests.la
%C%_support_libpamtests_la_SOURCES = \
	%D%/support/login_phone.c %D%/support/login_phone.h \
	%D%/support/login_stage.c %D%/support/login_stage.h \
	%D%/support/pam_app.c %D%/support/pam_app.h \
	%D%/support/pam_world.c %D%/support/pam_world.h
%C%_support_libpamtests_la_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)

# A module of their own; -rpath makes libtool link a shared object of it.
check_LTLIBRARIES += %D%/module/pam_test_token.la
%C%_module_pam_test_token_la_SOURCES = %D%/module/pam_test_token.c
%C%_module_pam_test_token_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version \
	-shared -rpath /nonexistent
%C%_module_pam_test_token_la_LIBADD = $(PAM_LIBS)

module_programs = \
	%D%/module/test_account \
	%D%/module/test_arguments \
	%D%/module/test_broken_store \
	%D%/module/test_enroll \
	%D%/module/test_doctor_libpam \
	%D%/module/test_guest \
	%D%/module/test_log \
	%D%/module/test_outcomes \
	%D%/module/test_requirement \
	%D%/module/test_session_phase \
	%D%/module/test_rotate \
	%D%/module/test_stacks
module_ldflags = $(AM_LDFLAGS) -export-dynamic
module_ldadd = %D%/support/libpamtests.la $(LDADD) -lpthread -ldl
check_PROGRAMS += $(module_programs) %D%/module/time_login
%C%_module_test_account_LDFLAGS = $(module_ldflags)
%C%_module_test_account_LDADD = $(module_ldadd)
%C%_module_test_arguments_LDFLAGS = $(module_ldflags)
%C%_module_test_arguments_LDADD = $(module_ldadd)
%C%_module_test_broken_store_LDFLAGS = $(module_ldflags)
%C%_module_test_broken_store_LDADD = $(module_ldadd)
%C%_module_test_doctor_libpam_LDFLAGS = $(module_ldflags)
%C%_module_test_doctor_libpam_LDADD = $(module_ldadd)
%C%_module_test_enroll_LDFLAGS = $(module_ldflags)
%C%_module_test_enroll_LDADD = $(module_ldadd)
%C%_module_test_guest_LDFLAGS = $(module_ldflags)
%C%_module_test_guest_LDADD = %D%/crash/libcrash.la $(module_ldadd)
%C%_module_test_log_LDFLAGS = $(module_ldflags)
%C%_module_test_log_LDADD = $(module_ldadd)
%C%_module_test_outcomes_LDFLAGS = $(module_ldflags)
%C%_module_test_outcomes_LDADD = $(module_ldadd)
%C%_module_test_rotate_LDFLAGS = $(module_ldflags)
%C%_module_test_rotate_LDADD = $(module_ldadd)
%C%_module_test_requirement_LDFLAGS = $(module_ldflags)
%C%_module_test_requirement_LDADD = $(module_ldadd)
%C%_module_test_session_phase_LDFLAGS = $(module_ldflags)
%C%_module_test_session_phase_LDADD = $(module_ldadd)
%C%_module_test_stacks_LDFLAGS = $(module_ldflags)
%C%_module_test_stacks_LDADD = $(module_ldadd)
%C%_module_time_login_LDFLAGS = $(module_ldflags)
%C%_module_time_login_LDADD = $(module_ldadd)
module_tests = $(module_programs) %D%/module/guests.sh %D%/module/timing.py
EXTRA_DIST += %D%/module/guests.sh %D%/module/timing.py

# --- cli: the programs as they ship ----------------------------------------------

# The many users of report.sh.
check_PROGRAMS += %D%/bench/bench_users

cli_tests = \
	%D%/cli/admin.sh \
	%D%/cli/admin_once.sh \
	%D%/cli/admin_program.sh \
	%D%/cli/admin_rotate.sh \
	%D%/cli/admin_verbs.sh \
	%D%/cli/by_helper.py \
	%D%/cli/devices.py \
	%D%/cli/doctor.sh \
	%D%/cli/documented.py \
	%D%/cli/enroll.py \
	%D%/cli/enroll_batch.py \
	%D%/cli/enroll_devices.py \
	%D%/cli/full_disk.sh \
	%D%/cli/read_only.sh \
	%D%/cli/helper.py \
	%D%/cli/helper_attacks.py \
	%D%/cli/helper_hostile.py \
	%D%/cli/helper_killed.py \
	%D%/cli/import.sh \
	%D%/cli/report.sh \
	%D%/cli/sessions.py
EXTRA_DIST += $(cli_tests)

# --- system: a real sshd, sudo and su in a sandbox -------------------------------

# An application that keeps nothing of what is typed, for core_image.py.
check_PROGRAMS += %D%/system/image_host
%C%_system_image_host_LDADD = $(PAM_LIBS)

system_tests = \
	%D%/system/breakglass.py \
	%D%/system/core_image.py \
	%D%/system/enrol.py \
	%D%/system/enrol_login.py \
	%D%/system/locker.py \
	%D%/system/requirement.py \
	%D%/system/rotate_login.py \
	%D%/system/session.py \
	%D%/system/session_ssh.py \
	%D%/system/ssh.py \
	%D%/system/stacked.py \
	%D%/system/sudo_su.py
EXTRA_DIST += $(system_tests)

# --- race: many at once ----------------------------------------------------------

check_LTLIBRARIES += %D%/race/librace.la
%C%_race_librace_la_SOURCES = %D%/race/crowd.c %D%/race/crowd.h
%C%_race_librace_la_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)

race_programs = \
	%D%/race/race_login \
	%D%/race/race_path \
	%D%/race/race_read_only \
	%D%/race/race_store
check_PROGRAMS += $(race_programs)
race_ldadd = %D%/race/librace.la $(module_ldadd)
%C%_race_race_login_LDFLAGS = $(module_ldflags)
%C%_race_race_login_LDADD = $(race_ldadd)
%C%_race_race_path_LDADD = $(LDADD) -lpthread
%C%_race_race_read_only_LDFLAGS = $(module_ldflags)
%C%_race_race_read_only_LDADD = $(race_ldadd)
%C%_race_race_store_LDFLAGS = $(module_ldflags)
%C%_race_race_store_LDADD = $(race_ldadd)
race_tests = $(race_programs) %D%/race/race_tools.py
EXTRA_DIST += %D%/race/race_tools.py

# --- crash: killed and refused at each system call -------------------------------

check_LTLIBRARIES += %D%/crash/libcrash.la
%C%_crash_libcrash_la_SOURCES = \
	%D%/crash/crash_scene.c %D%/crash/crash_scene.h \
	%D%/crash/disk.c %D%/crash/disk.h %D%/crash/disk_image.c \
	%D%/crash/faults.c %D%/crash/faults.h \
	%D%/crash/strike.c %D%/crash/strike.h \
	%D%/crash/trial.c %D%/crash/trial.h %D%/crash/trial_works.c
%C%_crash_libcrash_la_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)

crash_programs = \
	%D%/crash/kill_anywhere \
	%D%/crash/kill_change \
	%D%/crash/kill_read_only \
	%D%/crash/power_loss \
	%D%/crash/refuse_calls \
	%D%/crash/refuse_change \
	%D%/crash/refuse_memory
check_PROGRAMS += $(crash_programs)
crash_ldadd = %D%/crash/libcrash.la $(module_ldadd)
%C%_crash_kill_anywhere_LDFLAGS = $(module_ldflags)
%C%_crash_kill_anywhere_LDADD = $(crash_ldadd)
%C%_crash_kill_change_LDFLAGS = $(module_ldflags)
%C%_crash_kill_change_LDADD = $(crash_ldadd)
%C%_crash_kill_read_only_LDFLAGS = $(module_ldflags)
%C%_crash_kill_read_only_LDADD = $(crash_ldadd)
%C%_crash_power_loss_LDFLAGS = $(module_ldflags)
%C%_crash_power_loss_LDADD = $(crash_ldadd)
%C%_crash_refuse_calls_LDFLAGS = $(module_ldflags)
%C%_crash_refuse_calls_LDADD = $(crash_ldadd)
%C%_crash_refuse_change_LDFLAGS = $(module_ldflags)
%C%_crash_refuse_change_LDADD = $(crash_ldadd)
%C%_crash_refuse_memory_LDFLAGS = $(module_ldflags)
%C%_crash_refuse_memory_LDADD = $(crash_ldadd)
crash_tests = $(crash_programs)
EXTRA_DIST += %D%/crash/report.sh

# The fault campaign, with a table of what was survived: make check-faults, and
# with more of everything make check-faults FAULTS=long. A test of another suite
# joins by standing in faults_tests and by lines as crash/faults.c prints them.
FAULTS = short
faults_tests = $(crash_tests) %D%/module/test_guest %D%/cli/helper_killed.py
check-faults:
	@failed=0; \
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(faults_tests)' || failed=1; \
	$(BASH_PROGRAM) '$(top_srcdir)/%D%/crash/report.sh' \
		$(faults_tests) || failed=1; \
	exit $$failed
.PHONY: check-faults

# --- fuzz: the corpus again, and the fuzzers that found it -------------------------

# `make check` runs each target over tests/fuzz/corpus; `make fuzz SECONDS=600`
# looks for more under libFuzzer, with clang; see fuzz/run.sh.
check_LTLIBRARIES += %D%/fuzz/libfuzz.la
%C%_fuzz_libfuzz_la_SOURCES = \
	%D%/fuzz/fuzz.c %D%/fuzz/fuzz.h \
	%D%/fuzz/replay.c
fuzz_programs = \
	%D%/fuzz/fuzz_attempt \
	%D%/fuzz/fuzz_encode \
	%D%/fuzz/fuzz_import \
	%D%/fuzz/fuzz_message \
	%D%/fuzz/fuzz_otpauth \
	%D%/fuzz/fuzz_pam_stack \
	%D%/fuzz/fuzz_record \
	%D%/fuzz/fuzz_secret_input \
	%D%/fuzz/fuzz_session \
	%D%/fuzz/fuzz_settings \
	%D%/fuzz/fuzz_sshd \
	%D%/fuzz/fuzz_state \
	%D%/fuzz/fuzz_text \
	%D%/fuzz/fuzz_typed \
	%D%/fuzz/fuzz_unit
check_PROGRAMS += $(fuzz_programs)
%C%_fuzz_fuzz_attempt_SOURCES = \
	%D%/fuzz/fake_crypto.c %D%/fuzz/fake_crypto.h \
	%D%/fuzz/fuzz_attempt.c
fuzz_ldadd = %D%/fuzz/libfuzz.la $(LDADD)
%C%_fuzz_fuzz_attempt_LDADD = $(fuzz_ldadd)
%C%_fuzz_fuzz_encode_LDADD = $(fuzz_ldadd)
%C%_fuzz_fuzz_import_LDADD = $(fuzz_ldadd)
%C%_fuzz_fuzz_message_LDADD = $(fuzz_ldadd)
%C%_fuzz_fuzz_otpauth_LDADD = $(fuzz_ldadd)
%C%_fuzz_fuzz_pam_stack_LDADD = $(fuzz_ldadd)
%C%_fuzz_fuzz_record_LDADD = $(fuzz_ldadd)
%C%_fuzz_fuzz_secret_input_LDADD = $(fuzz_ldadd)
%C%_fuzz_fuzz_session_LDADD = $(fuzz_ldadd)
%C%_fuzz_fuzz_settings_LDADD = $(fuzz_ldadd)
%C%_fuzz_fuzz_sshd_LDADD = $(fuzz_ldadd)
%C%_fuzz_fuzz_state_LDADD = $(fuzz_ldadd)
%C%_fuzz_fuzz_text_LDADD = $(fuzz_ldadd)
%C%_fuzz_fuzz_typed_LDADD = $(fuzz_ldadd)
%C%_fuzz_fuzz_unit_LDADD = $(fuzz_ldadd)
fuzz_tests = $(fuzz_programs)
EXTRA_DIST += \
	%D%/fuzz/corpus \
	%D%/fuzz/run.sh \
	%D%/fuzz/seeds.py

SECONDS = 60
FUZZ =
fuzz: build.h
	@CPPFLAGS='-include build.h $(CRYPTO_CFLAGS) $(QRENCODE_CFLAGS) $(PNG_CFLAGS) $(SMARTCOLS_CFLAGS)' \
		FUZZ_LIBS='$(CRYPTO_LIBS) $(QRENCODE_LIBS) $(PNG_LIBS) $(SMARTCOLS_LIBS)' \
		$(BASH_PROGRAM) '$(top_srcdir)/%D%/fuzz/run.sh' \
		--build '$(abs_top_builddir)' --seconds '$(SECONDS)' $(FUZZ) \
		$(filter %.c,$(pam_totp_libtotpcore_la_SOURCES)) \
		$(filter %.c,$(utils_libtotputils_la_SOURCES))
.PHONY: fuzz

# --- bench: figures, no tests ----------------------------------------------------

# As root: make bench, make bench BENCH=quick; see bench/bench.py. The stop-watch
# exports the clock, accounts and log of pam_world.c to the modules, and is kept
# from libcrypto, which a module has to load by itself.
bench_programs = %D%/bench/bench_login %D%/bench/bench_users
EXTRA_PROGRAMS = %D%/bench/bench_login
%C%_bench_bench_login_SOURCES = %D%/bench/bench_login.c \
	%D%/support/pam_world.c %D%/support/pam_world.h
%C%_bench_bench_login_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
%C%_bench_bench_login_LDADD = $(PAM_LIBS) -lpthread
%C%_bench_bench_users_SOURCES = %D%/bench/bench_users.c
%C%_bench_bench_users_LDADD = pam_totp/libtotpcore.la $(CRYPTO_LIBS)
EXTRA_DIST += \
	%D%/bench/bench.py \
	%D%/bench/bench_stage.py \
	%D%/bench/results.md

BENCH =
bench: all $(bench_programs)
if SANITIZERS
	@echo 'make bench: not with sanitizers' >&2; exit 1
endif
	@$(BASH_PROGRAM) -c '. "$$1" && dependencies_install bench_deps' bench \
		'$(top_srcdir)/%D%/support/dependencies.sh'
	@/usr/bin/python3 -B '$(top_srcdir)/%D%/bench/bench.py' \
		--build '$(abs_top_builddir)' $(BENCH)
.PHONY: bench

# Sourced, imported or compiled by the tests themselves.
EXTRA_DIST += \
	%D%/support/admin.sh \
	%D%/support/c_code.py \
	%D%/support/cmocka.sh \
	%D%/support/demo.py \
	%D%/support/dependencies.sh \
	%D%/support/enroll_client.py \
	%D%/support/forbidden.sh \
	%D%/support/helper_client.py \
	%D%/support/host.py \
	%D%/support/memory_image.py \
	%D%/support/pam_host.py \
	%D%/support/sandbox.sh \
	%D%/support/suite.py \
	%D%/support/tap.sh \
	%D%/support/terminal.py \
	%D%/support/touch_on_lock.c \
	%D%/support/valgrind.supp

# --- the suites ------------------------------------------------------------------

TESTS = $(source_tests) $(unit_tests) $(module_tests) $(cli_tests) \
	$(fuzz_tests) $(system_tests) $(race_tests) $(crash_tests)

# One suite, as in `make check-suite SUITE=unit`; and the names of its tests.
check-suite:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$($(SUITE)_tests)'
list-suite:
	@echo $($(SUITE)_tests)
.PHONY: check-suite list-suite

if !HAVE_CMOCKA
check-local:
	@echo 'make check needs cmocka (Debian: libcmocka-dev)' >&2; exit 1
endif

# What the tests of the whole run: an installation below the build, whose helper
# is not set-uid (the sandbox of the system tests makes it so in its own mounts).
check_DATA = stage.stamp
stage.stamp: $(PROGRAMS) $(LTLIBRARIES) $(dist_man_MANS)
	@rm -rf stage
	$(AM_V_GEN)$(MAKE) $(AM_MAKEFLAGS) install \
		DESTDIR='$(abs_top_builddir)/stage' helper_mode=0755 >stage.log 2>&1 \
		|| { cat stage.log >&2; exit 1; }
	@touch $@
clean-local:
	rm -rf stage fuzz
CLEANFILES = stage.stamp stage.log $(bench_programs)
