  WHEN @n@ THEN
    SELECT array_agg(coalesce(
        (SELECT s.first + s.n FROM @slot@ AS s WHERE s.channel = c.channel ORDER BY s.first DESC LIMIT 1),
        (SELECT h.next FROM @heads@ AS h WHERE h.channel = c.channel),
        control.floor + 1) ORDER BY c.i)
      INTO firsts FROM unnest(channels) WITH ORDINALITY AS c (channel, i);
    INSERT INTO @slot@ (channel, first, n, payloads) SELECT * FROM unnest(channels, firsts, counts, blobs);
