/* Reads a list of `name TAB path` lines and prints what GMime makes of each message, one JSON object a line
 * in the normal form of README.md. cc gmime.c $(pkg-config --cflags --libs gmime-3.0) */

#include <gmime/gmime.h>
#include <stdio.h>
#include <string.h>

static void text(const char *raw)
{
    char *valid = g_utf8_make_valid(raw ? raw : "", -1);
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)valid; *at; at++) {
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else if (*at < 0x20)
            printf("\\u%04x", *at);
        else
            putchar(*at);
    }
    putchar('"');
    g_free(valid);
}

static void addresses_of(InternetAddressList *list, const char *group, int *count)
{
    int length = list ? internet_address_list_length(list) : 0;
    for (int n = 0; n < length; n++) {
        InternetAddress *one = internet_address_list_get_address(list, n);
        const char *name = internet_address_get_name(one);
        if (INTERNET_ADDRESS_IS_GROUP(one)) {
            int before = *count;
            addresses_of(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(one)), name ? name : "", count);
            if (*count > before)
                continue;
            if ((*count)++)
                putchar(',');
            putchar('[');
            text(name);
            fputs(",null,null]", stdout);
            continue;
        }
        if ((*count)++)
            putchar(',');
        putchar('[');
        if (group)
            text(group);
        else
            fputs("null", stdout);
        putchar(',');
        text(name);
        putchar(',');
        text(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(one)));
        putchar(']');
    }
}

static void addresses(const char *key, GMimeMessage *message, GMimeAddressType type)
{
    int count = 0;
    printf(",\"%s\":[", key);
    addresses_of(g_mime_message_get_addresses(message, type), NULL, &count);
    putchar(']');
}

struct lists {
    GString *structure, *sizes;
    GPtrArray *names;
    /* Of the first part of text. */
    char *text;
};

static void walk(GMimeObject *part, struct lists *into)
{
    GMimeContentType *type = g_mime_object_get_content_type(part);
    char *name = g_mime_content_type_get_mime_type(type);
    char *small = g_ascii_strdown(name, -1);
    g_string_append(into->structure, small);
    g_free(small);
    g_free(name);
    const char *file = g_mime_object_get_content_disposition_parameter(part, "filename");
    if (!file)
        file = g_mime_object_get_content_type_parameter(part, "name");
    if (file) {
        /* As g_mime_part_get_filename does, which is for leaves only. */
        char *decoded = g_mime_utils_header_decode_text(NULL, file);
        g_ptr_array_add(into->names, decoded);
    }
    if (GMIME_IS_MULTIPART(part)) {
        int count = g_mime_multipart_get_count(GMIME_MULTIPART(part));
        for (int n = 0; n < count; n++) {
            g_string_append_c(into->structure, n ? ' ' : '(');
            walk(g_mime_multipart_get_part(GMIME_MULTIPART(part), n), into);
        }
        if (count > 0)
            g_string_append_c(into->structure, ')');
    } else if (GMIME_IS_MESSAGE_PART(part)) {
        GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
        if (inner && g_mime_message_get_mime_part(inner)) {
            g_string_append_c(into->structure, '(');
            walk(g_mime_message_get_mime_part(inner), into);
            g_string_append_c(into->structure, ')');
        }
    } else {
        gint64 size = 0;
        if (GMIME_IS_TEXT_PART(part) && !into->text)
            into->text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
        GMimeDataWrapper *content = GMIME_IS_PART(part) ? g_mime_part_get_content(GMIME_PART(part)) : NULL;
        if (content) {
            GMimeStream *nowhere = g_mime_stream_null_new();
            size = g_mime_data_wrapper_write_to_stream(content, nowhere);
            g_object_unref(nowhere);
        }
        g_string_append_printf(into->sizes, "%s%" G_GINT64_FORMAT, into->sizes->len ? "," : "", size);
    }
}

static void show(const char *name, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(74);
    }
    GMimeStream *stream = g_mime_stream_file_new(file);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    g_object_unref(stream);
    GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
    fputs("{\"file\":", stdout);
    text(name);
    if (!message) {
        puts(",\"failed\":\"no message\"}");
        g_object_unref(parser);
        return;
    }
    struct lists lists = {g_string_new(""), g_string_new(""), g_ptr_array_new_with_free_func(g_free), NULL};
    if (g_mime_message_get_mime_part(message))
        walk(g_mime_message_get_mime_part(message), &lists);
    fputs(",\"structure\":", stdout);
    text(lists.structure->str);
    printf(",\"sizes\":[%s],\"names\":[", lists.sizes->str);
    for (guint n = 0; n < lists.names->len; n++) {
        if (n)
            putchar(',');
        text(g_ptr_array_index(lists.names, n));
    }
    fputs("],\"text\":", stdout);
    text(lists.text);
    fputs(",\"subject\":", stdout);
    text(g_mime_message_get_subject(message));
    GDateTime *date = g_mime_message_get_date(message);
    if (date)
        printf(",\"date\":%" G_GINT64_FORMAT, g_date_time_to_unix(date));
    else
        fputs(",\"date\":null", stdout);
    addresses("from", message, GMIME_ADDRESS_TYPE_FROM);
    addresses("sender", message, GMIME_ADDRESS_TYPE_SENDER);
    addresses("reply_to", message, GMIME_ADDRESS_TYPE_REPLY_TO);
    addresses("to", message, GMIME_ADDRESS_TYPE_TO);
    addresses("cc", message, GMIME_ADDRESS_TYPE_CC);
    addresses("bcc", message, GMIME_ADDRESS_TYPE_BCC);
    puts("}");
    g_string_free(lists.structure, TRUE);
    g_string_free(lists.sizes, TRUE);
    g_free(lists.text);
    g_ptr_array_free(lists.names, TRUE);
    g_object_unref(message);
    g_object_unref(parser);
}

int main(int argc, char **argv)
{
    char line[8192];
    FILE *list = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (!list) {
        fputs("gmime LIST\n", stderr);
        return 64;
    }
    g_mime_init();
    while (fgets(line, sizeof line, list)) {
        line[strcspn(line, "\n")] = 0;
        char *tab = strchr(line, '\t');
        if (!tab)
            continue;
        *tab = 0;
        show(line, tab + 1);
    }
    fclose(list);
    g_mime_shutdown();
    return 0;
}
