/* The head of the one-file program: unpacks what is appended to it once, and becomes the program inside.
 *
 * The file is this launcher, then a gzipped tar archive, then a trailer of 40 bytes: the mark, where the archive
 * begins (16 hexadecimal digits) and what identifies it (16 more). The archive is unpacked into
 * $XDG_CACHE_HOME/meshtop/program/ID, else $HOME/.cache/..., else a folder of the user's own in $TMPDIR or /tmp.
 * Every start checks that the folder is the user's own and that each file is there in its size, so a cleaned cache is
 * unpacked again; two first starts at once both unpack, and one of them wins.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define MARK "MESHTOP1"
#define TRAILER 40
#define LIST ".files"
enum { PATH_BYTES = 4096, BLOCK = 512 };

static int fail(const char *what, const char *where) {
    fprintf(stderr, "meshtop: %s %s: %s.\n", what, where, strerror(errno));
    return 2;
}

static int under(char *out, const char *folder, const char *name) {
    return snprintf(out, PATH_BYTES, "%s/%s", folder, name) < PATH_BYTES ? 0 : -1;
}

/* Every folder of a path that is not there yet, for the user alone. */
static int make_folders(const char *path) {
    char part[PATH_BYTES];
    if (strlen(path) >= sizeof part) return -1;
    strcpy(part, path);
    for (char *at = part + 1;; at++) {
        if (*at != '/' && *at != 0) continue;
        char end = *at;
        *at = 0;
        if (mkdir(part, 0700) && errno != EEXIST) return -1;
        if (!end) return 0;
        *at = end;
    }
}

/* Whether a folder belongs to this user, and nobody else may write into it. */
static int is_own(const char *folder) {
    struct stat found;
    return !lstat(folder, &found) && S_ISDIR(found.st_mode) && found.st_uid == geteuid() && !(found.st_mode & 022);
}

/* Whether everything that was unpacked is still there, by the list that was written then. */
static int is_whole(const char *folder) {
    char path[PATH_BYTES], line[PATH_BYTES];
    if (!is_own(folder) || under(path, folder, LIST)) return 0;
    FILE *list = fopen(path, "r");
    if (!list) return 0;
    int whole = 0;
    while (fgets(line, sizeof line, list)) {
        long long size;
        int begin = 0;
        struct stat found;
        line[strcspn(line, "\n")] = 0;
        if (!strcmp(line, "end")) { whole = 1; break; }
        if (sscanf(line, "%lld %n", &size, &begin) < 1 || !begin || under(path, folder, line + begin)) break;
        if (lstat(path, &found) || (size >= 0 && found.st_size != size)) break;
    }
    fclose(list);
    return whole;
}

static int remove_one(const char *path, const struct stat *s, int flag, struct FTW *ftw) {
    (void)s, (void)flag, (void)ftw;
    return remove(path);
}

static int read_block(gzFile archive, void *into, unsigned size) {
    return gzread(archive, into, size) == (int)size ? 0 : -1;
}

static int write_file(gzFile archive, const char *path, long long size, int mode) {
    char block[BLOCK * 128];
    int out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode & 0700);
    if (out < 0) return -1;
    for (long long left = (size + BLOCK - 1) / BLOCK * BLOCK, data = size; left > 0;) {
        unsigned some = left < (long long)sizeof block ? (unsigned)left : sizeof block;
        long long wanted = data < (long long)some ? data : (long long)some;
        if (read_block(archive, block, some) || write(out, block, wanted) != wanted) { close(out); return -1; }
        left -= some, data -= wanted;
    }
    return close(out);
}

/* A tar archive (ustar) of folders, files and links, into a new folder; then the list of what was written. */
static int unpack(gzFile archive, const char *folder) {
    char head[BLOCK], name[300], path[PATH_BYTES];
    if (under(path, folder, LIST)) return -1;
    FILE *list = fopen(path, "wx");
    if (!list) return -1;
    while (!read_block(archive, head, BLOCK) && head[0]) {
        char prefix[156] = {0}, last[101] = {0}, target[101] = {0};
        memcpy(prefix, head + 345, 155), memcpy(last, head, 100), memcpy(target, head + 157, 100);
        snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "/" : "", last);
        long long size = strtoll(head + 124, NULL, 8);
        int mode = (int)strtol(head + 100, NULL, 8), type = head[156];
        if (name[0] == '/' || strstr(name, "..") || under(path, folder, name)) { errno = EINVAL; goto failed; }
        if (type == '5' ? mkdir(path, 0700) : type == '2' ? symlink(target, path) : write_file(archive, path, size, mode))
            goto failed;
        if (fprintf(list, "%lld %s\n", type == '0' || !type ? size : -1LL, name) < 0) goto failed;
    }
    if (fputs("end\n", list) < 0) goto failed;
    return fclose(list);
failed:;
    int why = errno;
    fclose(list);
    errno = why ? why : EIO;
    return -1;
}

/* The unpacked folder below a base, made if it is not there; -1 where that base cannot hold it. */
static int prepare(const char *self, long begin, const char *id, const char *base, char *folder) {
    char fresh[PATH_BYTES];
    if (under(folder, base, id)) return -1;
    if (is_whole(folder)) return 0;
    if (make_folders(base) || !is_own(base)) return -1;
    if (snprintf(fresh, sizeof fresh, "%s/new-XXXXXX", base) >= (int)sizeof fresh || !mkdtemp(fresh)) return -1;
    int in = open(self, O_RDONLY | O_CLOEXEC);
    gzFile archive = in >= 0 && lseek(in, begin, SEEK_SET) >= 0 ? gzdopen(in, "rb") : NULL;
    int done = archive ? (gzbuffer(archive, 1 << 17), unpack(archive, fresh)) : -1;
    int why = errno;
    if (archive) gzclose(archive);
    if (!done) {
        if (!rename(fresh, folder) || is_whole(folder)) done = 0;
        else { /* what is there is damaged: out of the way with it */
            char old[PATH_BYTES];
            done = snprintf(old, sizeof old, "%s/old-%ld", base, (long)getpid()) < (int)sizeof old &&
                   !rename(folder, old) && !rename(fresh, folder) ? 0 : -1;
            why = errno;
            nftw(old, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        }
    }
    if (!access(fresh, F_OK)) nftw(fresh, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    errno = why;
    return done;
}

int main(int argc, char **argv) {
    (void)argc;
    const char *self = "/proc/self/exe"; /* a bare chroot has no /proc; how it was called is the next best */
    int bare = access(self, R_OK);
    if (bare) self = (const char *)getauxval(AT_EXECFN);
    char trailer[TRAILER + 1] = {0}, id[17] = {0}, begin[17] = {0};
    char base[PATH_BYTES], folder[PATH_BYTES], program[PATH_BYTES];
    FILE *own = fopen(self, "rb");
    if (!own || fseek(own, -TRAILER, SEEK_END) || fread(trailer, 1, TRAILER, own) != TRAILER) return fail("cannot read", self);
    fclose(own);
    if (memcmp(trailer, MARK, 8)) { errno = ENOEXEC; return fail("nothing is appended to", self); }
    memcpy(begin, trailer + 8, 16), memcpy(id, trailer + 24, 16);
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME"), *tmp = getenv("TMPDIR");
    for (int place = 0; place < 3; place++) {
        int length = -1;
        if (place == 0 && cache && *cache == '/') length = snprintf(base, sizeof base, "%s/meshtop/program", cache);
        if (place == 1 && home && *home == '/') length = snprintf(base, sizeof base, "%s/.cache/meshtop/program", home);
        if (place == 2)
            length = snprintf(base, sizeof base, "%s/meshtop-%ld", tmp && *tmp == '/' ? tmp : "/tmp", (long)geteuid());
        if (length < 0 || length >= (int)sizeof base) continue;
        if (prepare(self, strtol(begin, NULL, 16), id, base, folder)) continue;
        if (under(program, folder, "meshtop")) continue;
        if (bare) argv[0] = program; /* the program inside finds its files by its own name then */
        execv(program, argv);
        if (errno != EACCES && errno != EPERM) return fail("cannot start", program); /* else it is mounted noexec */
    }
    fprintf(stderr, "meshtop: No folder can hold the program (%s: %s); set XDG_CACHE_HOME to one that can.\n", base,
            strerror(errno));
    return 2;
}
