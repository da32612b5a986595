# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
# shellcheck shell=bash
# shellcheck disable=SC2034 # the lists are for the script that sources this
#
# What the module and the core never call (STYLE.md rule 9, DESIGN.md section 2
# number 8), in one list for the test of the sources and that of the built file;
# sourced. Every name is a whole function name; ^ and $ are the callers' to add.

# In the module and the core.
forbidden_calls=(
	# end, halt or split the host
	exit _exit _Exit quick_exit abort atexit on_exit 'assert' longjmp setjmp
	fork vfork clone 'exec[lv]p?e?' execvpe execveat fexecve system popen 'posix_spawnp?'
	'pthread_\w+' alarm setitimer ualarm sleep usleep pause
	# change what belongs to the whole process
	umask chdir fchdir chroot setlocale uselocale setenv unsetenv putenv clearenv
	signal sigaction sigprocmask sigsuspend kill raise
	openlog closelog setlogmask vsyslog syslog
	srand srandom tzset dup2 dup3 setrlimit prctl
	'sete?[ug]id' 'setre[su]*[ug]id' 'setres[ug]id' setfsuid setfsgid setgroups initgroups
	# trust the environment, or give away a static buffer
	getenv secure_getenv getlogin getlogin_r cuserid
	getpwnam getpwuid getpwent getgrnam getgrgid getgrent getspnam gethostbyname
	localtime gmtime ctime asctime strtok strerror ttyname inet_ntoa tmpnam tempnam mktemp
	# read numbers loosely, write without a bound
	'ato[ifl]l?' 'strto[a-z]+' '(v?[fs]|v)?scanf' '__isoc99_\w*scanf' gets strcpy strcat stpcpy
	sprintf vsprintf
	# streams
	'(v?f|v?d|v)?printf' '(v?f)?wprintf' puts fputs putchar fputc putc fwrite fread fopen fdopen
	freopen fgets getline getdelim fgetc getc perror popen
	# weak randomness
	rand random rand_r 'rand48' '\wrand48'
	# open by a path that was looked at before
	access stat lstat chmod chown lchown creat
)

# Which of them one file of both modules may call: it runs totp-helper, for what a guest in this
# host cannot do, in a way that touches nothing of the host's, and ends it when it hangs.
forbidden_but_to_spawn=pam_totp/by_helper.c
forbidden_but=(posix_spawn kill)

# Core alone: neither the clock nor accounts nor PAM; time is a parameter.
forbidden_in_core=(
	time clock_gettime gettimeofday clock timespec_get
	'getpw\w+' 'getgr\w+' 'pam_\w+'
)

forbidden_words()
{
	local IFS='|'
	printf '%s' "$*"
}

# The names as the linker sees them, with glibc's fortified forms.
forbidden_symbols()
{
	printf '(%s)|__(%s)_chk|__assert_fail' "$(forbidden_words "${forbidden_calls[@]}")" \
		"$(forbidden_words "${forbidden_calls[@]}")"
}
