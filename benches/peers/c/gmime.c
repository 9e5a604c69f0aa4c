/* GMime 3: a message parsed from memory, and decoded. */

#include <gmime/gmime.h>
#include <string.h>

size_t peers_gmime(const unsigned char *bytes, size_t size, int full);

static size_t bodies;

static void header_values(GMimeObject *object)
{
	GMimeHeaderList *list = g_mime_object_get_header_list(object);
	int count = g_mime_header_list_get_count(list);
	for (int i = 0; i < count; i++)
		g_mime_header_get_value(g_mime_header_list_get_header_at(list, i));
}

static void part(GMimeObject *parent, GMimeObject *object, gpointer data)
{
	size_t *parts = data;
	(void)parent;
	(*parts)++;
	if (bodies == (size_t)-1)
		return;
	header_values(object);
	if (GMIME_IS_TEXT_PART(object)) {
		char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(object));
		if (text != NULL) {
			bodies += strlen(text);
			g_free(text);
		}
	} else if (GMIME_IS_PART(object)) {
		GMimeDataWrapper *content = g_mime_part_get_content(GMIME_PART(object));
		if (content != NULL) {
			GMimeStream *out = g_mime_stream_null_new();
			ssize_t written = g_mime_data_wrapper_write_to_stream(content, out);
			if (written > 0)
				bodies += (size_t)written;
			g_object_unref(out);
		}
	} else if (GMIME_IS_MESSAGE_PART(object)) {
		GMimeMessage *message = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
		if (message != NULL)
			header_values(GMIME_OBJECT(message));
	}
}

size_t peers_gmime(const unsigned char *bytes, size_t size, int full)
{
	static int ready;
	size_t parts = 0;
	if (!ready) {
		g_mime_init();
		ready = 1;
	}
	bodies = full ? 0 : (size_t)-1;
	GMimeStream *stream = g_mime_stream_mem_new();
	GByteArray *array = g_byte_array_new_take((guint8 *)bytes, size);
	g_mime_stream_mem_set_byte_array(GMIME_STREAM_MEM(stream), array);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
	if (message != NULL) {
		if (full) {
			header_values(GMIME_OBJECT(message));
			InternetAddressList *all = g_mime_message_get_all_recipients(message);
			if (all != NULL)
				g_object_unref(all);
			g_mime_message_get_date(message);
		}
		g_mime_message_foreach(message, part, &parts);
		g_object_unref(message);
	}
	g_object_unref(parser);
	g_object_unref(stream);
	g_byte_array_free(array, FALSE);
	return full ? bodies : parts;
}
