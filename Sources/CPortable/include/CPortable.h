#ifndef CPORTABLE_H
#define CPORTABLE_H

// Nobody calls what is in this module by a name of its own.

#endif
