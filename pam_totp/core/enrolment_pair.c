/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright the pam_totp authors */

/* Two typed codes held against a device: are they those of steps T and T+1, in that order,
 * and where does T+1 lie?
 *
 *  1. Only a whole pair is looked for far away: the odds of hitting one by chance are those of
 *     both codes at once, while one code alone over many steps is soon guessed (RFC 4226
 *     section 7.4). One alone is looked for ENROLMENT_SEARCH_STEPS each way, for words only.
 *  2. Those words tell whether one code alone was right. A caller whose user may not know the
 *     secret keeps them to himself (devices.c).
 *  3. A pair with a consumed step is no pair. */

#include "enrolment_parts.h"

static enum enrolment_verdict
refuse(int error, struct diag *d)
{
	diag_set(d, error, "libcrypto refused to compute a code");
	return ENROLMENT_REFUSED;
}

/* Find T with T+1 within centre +- span. */
static int
find_pair(const struct record_device *dev, struct otp_typed code1, struct otp_typed code2,
    uint64_t centre, unsigned span, uint64_t *step)
{
	uint64_t near = centre > 0 ? centre - 1 : 0;
	uint64_t first = near > span ? near - span : 0;

	return otp_find_pair(&dev->params, &dev->secret, first, near + span, near, code1, code2,
	    step);
}

/* Whether one code is right for any step near the centre. */
static int
fits_nearby(const struct record_device *dev, struct otp_typed code, uint64_t centre, bool *fits)
{
	uint64_t first = centre > ENROLMENT_SEARCH_STEPS ? centre - ENROLMENT_SEARCH_STEPS : 0;
	uint64_t mask = 0;

	int error = otp_match(&dev->params, &dev->secret, first, 2 * ENROLMENT_SEARCH_STEPS + 1,
	    code, &mask);
	*fits = error == 0 && mask != 0;
	return error;
}

/* Two codes that are no pair: name the reason. */
static enum enrolment_verdict
explain(const struct record_device *dev, struct otp_typed code1, struct otp_typed code2,
    uint64_t centre, unsigned span, struct diag *d)
{
	uint64_t swapped = OTP_NO_STEP;
	bool fits1 = false, fits2 = false;

	int error = fits_nearby(dev, code1, centre, &fits1);
	if (error == 0)
		error = fits_nearby(dev, code2, centre, &fits2);
	if (error == 0)
		error = find_pair(dev, code2, code1, centre, span, &swapped);
	if (error != 0)
		return refuse(error, d);
	if (code1.code == code2.code && code1.digits == code2.digits)
		return fits1 ? ENROLMENT_SAME_CODE : ENROLMENT_WRONG;
	if (swapped != OTP_NO_STEP)
		return ENROLMENT_SWAPPED;
	if (fits1 && fits2)
		return ENROLMENT_GAP;
	if (fits1)
		return ENROLMENT_SECOND_WRONG;
	if (fits2)
		return ENROLMENT_FIRST_WRONG;
	return ENROLMENT_WRONG;
}

enum enrolment_verdict
enrolment_find_codes(const struct record_device *dev, struct otp_typed code1,
    struct otp_typed code2, uint64_t centre, unsigned span, uint64_t *second, struct diag *d)
{
	uint64_t step = OTP_NO_STEP;

	*second = OTP_NO_STEP;
	if (code1.digits != dev->params.digits || code2.digits != dev->params.digits)
		return ENROLMENT_DIGITS;
	int error = find_pair(dev, code1, code2, centre, span, &step);
	if (error != 0)
		return refuse(error, d);
	if (step == OTP_NO_STEP)
		return explain(dev, code1, code2, centre, span, d);
	*second = step + 1;
	return ENROLMENT_CONFIRMED;
}

enum enrolment_verdict
enrolment_judge(const struct record_device *dev, const struct state_device *sd,
    struct otp_typed code1, struct otp_typed code2, unsigned window, uint64_t now_s,
    uint64_t *second, uint32_t *off_s, struct diag *d)
{
	uint64_t centre = state_shown_step(sd, dev, now_s);

	*off_s = 0;
	enum enrolment_verdict v = enrolment_find_codes(dev, code1, code2, centre,
	    ENROLMENT_SEARCH_STEPS, second, d);
	if (v != ENROLMENT_CONFIRMED)
		return v;
	if (*second + window < centre) {
		*off_s = (uint32_t)((centre - *second) * dev->params.period_s);
		return ENROLMENT_STALE;
	}
	if (*second > centre + window) {
		*off_s = (uint32_t)((*second - centre) * dev->params.period_s);
		return ENROLMENT_FAST;
	}
	if (sd != NULL && *second - 1 <= sd->last_step) /* 3; second is 1 or more */
		return ENROLMENT_USED;
	return ENROLMENT_CONFIRMED;
}
