/* Dovecot's lib-mail: a message parsed piece by piece, as deliveries are. */

#include "lib.h"
#include "str.h"
#include "istream.h"
#include "message-parser.h"
#include "message-part.h"
#include "message-part-data.h"
#include "message-decoder.h"
#include "imap-envelope.h"
#include "imap-bodystructure.h"

size_t peers_dovecot(const unsigned char *bytes, size_t size, int what);

enum { STRUCTURE, FETCHED, FULL };

static size_t count(const struct message_part *part)
{
	size_t parts = 0;
	for (; part != NULL; part = part->next)
		parts += 1 + count(part->children);
	return parts;
}

size_t peers_dovecot(const unsigned char *bytes, size_t size, int what)
{
	static pool_t pool;
	if (pool == NULL) {
		lib_init();
		pool = pool_alloconly_create("peers", 64 * 1024);
	}
	p_clear(pool);
	struct message_parser_settings set;
	i_zero(&set);
	set.hdr_flags = what == FULL ? 0 : MESSAGE_HEADER_PARSER_FLAG_CLEAN_ONELINE * (what == FETCHED);
	set.flags = what == FULL ? 0 : MESSAGE_PARSER_FLAG_SKIP_BODY_BLOCK;
	struct message_part_data_limits limits = MESSAGE_PART_DATA_LIMITS_INIT;
	struct istream *input = i_stream_create_from_data(bytes, size);
	struct message_parser_ctx *parser = message_parser_init(pool, input, &set);
	struct message_decoder_context *decoder =
		what == FULL ? message_decoder_init(NULL, MESSAGE_DECODER_FLAG_RETURN_BINARY) : NULL;
	struct message_block block, decoded;
	struct message_part *parts;
	struct message_part_envelope *envelope = NULL;
	size_t sum = 0;
	T_BEGIN {
		while (message_parser_parse_next_block(parser, &block) > 0) {
			if (what == FETCHED && block.hdr != NULL) {
				message_part_data_parse_from_header(pool, block.part, &limits, block.hdr);
				/* The message's own envelope, as index-mail does. */
				if (block.part->parent == NULL)
					message_part_envelope_parse_from_header(pool, &envelope, &limits,
										block.hdr);
			} else if (what == FETCHED && block.size == 0)
				message_part_data_parse_from_header(pool, block.part, &limits, NULL);
			else if (what == FULL && message_decoder_decode_next_block(decoder, &block, &decoded)
				 && decoded.hdr == NULL)
				sum += decoded.size;
		}
	} T_END;
	if (decoder != NULL)
		message_decoder_deinit(&decoder);
	message_parser_deinit(&parser, &parts);
	if (what == STRUCTURE)
		sum = count(parts);
	if (what == FETCHED) T_BEGIN {
		string_t *out = t_str_new(4096);
		const char *error;
		if (envelope != NULL)
			imap_envelope_write(envelope, out);
		if (imap_bodystructure_write(parts, out, TRUE, &error) == 0)
			sum = str_len(out);
	} T_END;
	i_stream_unref(&input);
	return sum;
}
