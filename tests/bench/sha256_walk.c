/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sha256_walk THREADS FOLDER: what the machine itself can do. Walks with fstatat, then reads and hashes every regular file with libcrypto.
 * cc -O2 -pthread sha256_walk.c -lcrypto
 */
#define _GNU_SOURCE
#define OPENSSL_SUPPRESS_DEPRECATED
#include <dirent.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 256 << 10, MOST = 64 };

struct file {
    char *path;
    off_t size;
    unsigned char digest[SHA256_DIGEST_LENGTH];
};

static struct file *files;
static size_t count, room;
static atomic_size_t next_file;

static void *need(void *memory)
{
    if (memory == NULL) {
        perror("memory");
        exit(1);
    }
    return memory;
}

static void keep(const char *path, off_t size)
{
    if (count == room) {
        room = room ? 2 * room : 1 << 16;
        files = need(realloc(files, room * sizeof *files));
    }
    files[count].path = need(strdup(path));
    files[count++].size = size;
}

static void walk(int folder, const char *path)
{
    DIR *entries = fdopendir(folder);
    struct dirent *entry;
    char below[4096];
    struct stat found;

    if (entries == NULL)
        return;
    while ((entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || fstatat(folder, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (S_ISREG(found.st_mode))
            keep(below, found.st_size);
        else if (S_ISDIR(found.st_mode)) {
            int inner = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
            if (inner >= 0)
                walk(inner, below);
        }
    }
    closedir(entries);
}

static void hash(struct file *file, unsigned char *buffer)
{
    int descriptor = open(file->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t got;
    SHA256_CTX state;

    if (descriptor < 0)
        return;
    if (file->size < BLOCK) {
        got = read(descriptor, buffer, BLOCK);
        if (got >= 0)
            SHA256(buffer, (size_t)got, file->digest);
    } else {
        SHA256_Init(&state);
        while ((got = read(descriptor, buffer, BLOCK)) > 0)
            SHA256_Update(&state, buffer, (size_t)got);
        SHA256_Final(file->digest, &state);
    }
    close(descriptor);
}

static void *work(void *unused)
{
    unsigned char *buffer = need(malloc(BLOCK));
    size_t number;

    while ((number = atomic_fetch_add(&next_file, 1)) < count)
        hash(&files[number], buffer);
    free(buffer);
    return unused;
}

int main(int argc, char **argv)
{
    int threads = argc == 3 ? atoi(argv[1]) : 0;
    int folder = argc == 3 ? open(argv[2], O_RDONLY | O_DIRECTORY) : -1;
    pthread_t ids[MOST];

    if (threads < 1 || threads > MOST || folder < 0) {
        fprintf(stderr, "sha256_walk THREADS FOLDER, 1 to %d threads\n", MOST);
        return 2;
    }
    walk(folder, argv[2]);
    for (int number = 0; number < threads; number++)
        if (pthread_create(&ids[number], NULL, work, NULL) != 0)
            return 1;
    for (int number = 0; number < threads; number++)
        pthread_join(ids[number], NULL);
    printf("%zu\n", count);
    return 0;
}
