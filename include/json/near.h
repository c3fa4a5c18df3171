/* "Did you mean …": the known word that an unknown one was probably meant to be. */
#ifndef JSON_NEAR_H
#define JSON_NEAR_H

#include <stdbool.h>

/* How far two words are apart: inserted, dropped, changed and swapped letters, where case, '_' and
 * '-' do not count. Words longer than NEAR_WORD_MAX are as far apart as can be. */
unsigned near_distance(const char *a, const char *b);

/* Whether a distance is small enough for this word to be worth a suggestion. */
bool near_enough(unsigned distance, const char *word);

enum { NEAR_WORD_MAX = 48 };

#endif
